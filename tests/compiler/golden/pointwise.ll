; ModuleID = "pointwise"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"pointwise"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  %".30" = alloca <8 x float>
  %".32" = alloca <8 x float>
  %".34" = alloca <8 x float>
  %".36" = alloca <8 x float>
  br label %"body"
body:
  %".6" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".7" = load ptr, ptr %".6"
  %".8" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".9" = load ptr, ptr %".8"
  %".10" = getelementptr inbounds ptr, ptr %".1", i64 2
  %".11" = load ptr, ptr %".10"
  %".12" = getelementptr inbounds ptr, ptr %".1", i64 3
  %".13" = load ptr, ptr %".12"
  %".14" = udiv i64 %".2", %".3"
  %".15" = add nsw i64 %".2", 1
  %".16" = udiv i64 %".15", %".3"
  %".17" = icmp slt i64 %".14", %".16"
  br i1 %".17", label %"loop", label %"done"
loop:
  %".19" = phi  i64 [%".14", %"body"], [%".200", %"done.1"]
  %".20" = mul nsw i64 %".19", 128
  %".21" = getelementptr inbounds float, ptr %".7", i64 %".20"
  %".22" = getelementptr inbounds float, ptr %".21", i64 0
  %".23" = getelementptr inbounds float, ptr %".9", i64 0
  %".24" = getelementptr inbounds float, ptr %".11", i64 0
  br label %"loop.1"
done:
  ret void
loop.1:
  %".26" = phi  i64 [0, %"loop"], [%".197", %"done.2"]
  %".27" = mul nsw i64 %".26", 32
  %".28" = getelementptr inbounds float, ptr %".22", i64 %".27"
  %".29" = load <8 x float>, ptr %".24", align 4
  store <8 x float> %".29", <8 x float>* %".30"
  store <8 x float> %".29", <8 x float>* %".32"
  store <8 x float> %".29", <8 x float>* %".34"
  store <8 x float> %".29", <8 x float>* %".36"
  %".38" = getelementptr inbounds float, ptr %".28", i64 0
  %".39" = getelementptr inbounds float, ptr %".23", i64 0
  %".40" = getelementptr inbounds float, ptr %".39", i64 0
  %".41" = getelementptr inbounds float, ptr %".38", i64 0
  %".42" = getelementptr inbounds float, ptr %".40", i64 0
  br label %"loop.2"
done.1:
  %".200" = add nsw i64 %".19", 1
  %".201" = icmp slt i64 %".200", %".16"
  br i1 %".201", label %"loop", label %"done"
loop.2:
  %".44" = phi  i64 [0, %"loop.1"], [%".179", %"loop.2"]
  %".45" = getelementptr inbounds float, ptr %".41", i64 %".44"
  %".46" = mul nsw i64 %".44", 8
  %".47" = getelementptr inbounds float, ptr %".42", i64 %".46"
  call void asm sideeffect "", "~{memory}"()
  %".49" = load <8 x float>, ptr %".47", align 4
  %".50" = load float, ptr %".45", align 4
  %".51" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".50", i32 0
  %".52" = shufflevector <8 x float> %".51", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".53" = load <8 x float>, <8 x float>* %".30"
  %".54" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".52", <8 x float> %".49", <8 x float> %".53")
  store <8 x float> %".54", <8 x float>* %".30"
  %".56" = getelementptr inbounds float, ptr %".45", i64 8
  %".57" = load float, ptr %".56", align 4
  %".58" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".57", i32 0
  %".59" = shufflevector <8 x float> %".58", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".60" = load <8 x float>, <8 x float>* %".32"
  %".61" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".59", <8 x float> %".49", <8 x float> %".60")
  store <8 x float> %".61", <8 x float>* %".32"
  %".63" = getelementptr inbounds float, ptr %".45", i64 16
  %".64" = load float, ptr %".63", align 4
  %".65" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".64", i32 0
  %".66" = shufflevector <8 x float> %".65", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".67" = load <8 x float>, <8 x float>* %".34"
  %".68" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".66", <8 x float> %".49", <8 x float> %".67")
  store <8 x float> %".68", <8 x float>* %".34"
  %".70" = getelementptr inbounds float, ptr %".45", i64 24
  %".71" = load float, ptr %".70", align 4
  %".72" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".71", i32 0
  %".73" = shufflevector <8 x float> %".72", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".74" = load <8 x float>, <8 x float>* %".36"
  %".75" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".73", <8 x float> %".49", <8 x float> %".74")
  store <8 x float> %".75", <8 x float>* %".36"
  %".77" = add nsw i64 %".44", 1
  %".78" = getelementptr inbounds float, ptr %".41", i64 %".77"
  %".79" = add nsw i64 %".44", 1
  %".80" = mul nsw i64 %".79", 8
  %".81" = getelementptr inbounds float, ptr %".42", i64 %".80"
  call void asm sideeffect "", "~{memory}"()
  %".83" = load <8 x float>, ptr %".81", align 4
  %".84" = load float, ptr %".78", align 4
  %".85" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".84", i32 0
  %".86" = shufflevector <8 x float> %".85", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".87" = load <8 x float>, <8 x float>* %".30"
  %".88" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".86", <8 x float> %".83", <8 x float> %".87")
  store <8 x float> %".88", <8 x float>* %".30"
  %".90" = getelementptr inbounds float, ptr %".78", i64 8
  %".91" = load float, ptr %".90", align 4
  %".92" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".91", i32 0
  %".93" = shufflevector <8 x float> %".92", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".94" = load <8 x float>, <8 x float>* %".32"
  %".95" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".93", <8 x float> %".83", <8 x float> %".94")
  store <8 x float> %".95", <8 x float>* %".32"
  %".97" = getelementptr inbounds float, ptr %".78", i64 16
  %".98" = load float, ptr %".97", align 4
  %".99" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".98", i32 0
  %".100" = shufflevector <8 x float> %".99", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".101" = load <8 x float>, <8 x float>* %".34"
  %".102" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".100", <8 x float> %".83", <8 x float> %".101")
  store <8 x float> %".102", <8 x float>* %".34"
  %".104" = getelementptr inbounds float, ptr %".78", i64 24
  %".105" = load float, ptr %".104", align 4
  %".106" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".105", i32 0
  %".107" = shufflevector <8 x float> %".106", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".108" = load <8 x float>, <8 x float>* %".36"
  %".109" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".107", <8 x float> %".83", <8 x float> %".108")
  store <8 x float> %".109", <8 x float>* %".36"
  %".111" = add nsw i64 %".44", 2
  %".112" = getelementptr inbounds float, ptr %".41", i64 %".111"
  %".113" = add nsw i64 %".44", 2
  %".114" = mul nsw i64 %".113", 8
  %".115" = getelementptr inbounds float, ptr %".42", i64 %".114"
  call void asm sideeffect "", "~{memory}"()
  %".117" = load <8 x float>, ptr %".115", align 4
  %".118" = load float, ptr %".112", align 4
  %".119" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".118", i32 0
  %".120" = shufflevector <8 x float> %".119", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".121" = load <8 x float>, <8 x float>* %".30"
  %".122" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".120", <8 x float> %".117", <8 x float> %".121")
  store <8 x float> %".122", <8 x float>* %".30"
  %".124" = getelementptr inbounds float, ptr %".112", i64 8
  %".125" = load float, ptr %".124", align 4
  %".126" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".125", i32 0
  %".127" = shufflevector <8 x float> %".126", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".128" = load <8 x float>, <8 x float>* %".32"
  %".129" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".127", <8 x float> %".117", <8 x float> %".128")
  store <8 x float> %".129", <8 x float>* %".32"
  %".131" = getelementptr inbounds float, ptr %".112", i64 16
  %".132" = load float, ptr %".131", align 4
  %".133" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".132", i32 0
  %".134" = shufflevector <8 x float> %".133", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".135" = load <8 x float>, <8 x float>* %".34"
  %".136" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".134", <8 x float> %".117", <8 x float> %".135")
  store <8 x float> %".136", <8 x float>* %".34"
  %".138" = getelementptr inbounds float, ptr %".112", i64 24
  %".139" = load float, ptr %".138", align 4
  %".140" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".139", i32 0
  %".141" = shufflevector <8 x float> %".140", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".142" = load <8 x float>, <8 x float>* %".36"
  %".143" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".141", <8 x float> %".117", <8 x float> %".142")
  store <8 x float> %".143", <8 x float>* %".36"
  %".145" = add nsw i64 %".44", 3
  %".146" = getelementptr inbounds float, ptr %".41", i64 %".145"
  %".147" = add nsw i64 %".44", 3
  %".148" = mul nsw i64 %".147", 8
  %".149" = getelementptr inbounds float, ptr %".42", i64 %".148"
  call void asm sideeffect "", "~{memory}"()
  %".151" = load <8 x float>, ptr %".149", align 4
  %".152" = load float, ptr %".146", align 4
  %".153" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".152", i32 0
  %".154" = shufflevector <8 x float> %".153", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".155" = load <8 x float>, <8 x float>* %".30"
  %".156" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".154", <8 x float> %".151", <8 x float> %".155")
  store <8 x float> %".156", <8 x float>* %".30"
  %".158" = getelementptr inbounds float, ptr %".146", i64 8
  %".159" = load float, ptr %".158", align 4
  %".160" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".159", i32 0
  %".161" = shufflevector <8 x float> %".160", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".162" = load <8 x float>, <8 x float>* %".32"
  %".163" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".161", <8 x float> %".151", <8 x float> %".162")
  store <8 x float> %".163", <8 x float>* %".32"
  %".165" = getelementptr inbounds float, ptr %".146", i64 16
  %".166" = load float, ptr %".165", align 4
  %".167" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".166", i32 0
  %".168" = shufflevector <8 x float> %".167", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".169" = load <8 x float>, <8 x float>* %".34"
  %".170" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".168", <8 x float> %".151", <8 x float> %".169")
  store <8 x float> %".170", <8 x float>* %".34"
  %".172" = getelementptr inbounds float, ptr %".146", i64 24
  %".173" = load float, ptr %".172", align 4
  %".174" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".173", i32 0
  %".175" = shufflevector <8 x float> %".174", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".176" = load <8 x float>, <8 x float>* %".36"
  %".177" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".175", <8 x float> %".151", <8 x float> %".176")
  store <8 x float> %".177", <8 x float>* %".36"
  %".179" = add nsw i64 %".44", 4
  %".180" = icmp slt i64 %".179", 8
  br i1 %".180", label %"loop.2", label %"done.2"
done.2:
  %".182" = mul nsw i64 %".19", 128
  %".183" = mul nsw i64 %".26", 32
  %".184" = add nsw i64 %".182", %".183"
  %".185" = getelementptr inbounds float, ptr %".13", i64 %".184"
  %".186" = load <8 x float>, <8 x float>* %".30"
  store <8 x float> %".186", ptr %".185", align 4
  %".188" = load <8 x float>, <8 x float>* %".32"
  %".189" = getelementptr inbounds float, ptr %".185", i64 8
  store <8 x float> %".188", ptr %".189", align 4
  %".191" = load <8 x float>, <8 x float>* %".34"
  %".192" = getelementptr inbounds float, ptr %".185", i64 16
  store <8 x float> %".191", ptr %".192", align 4
  %".194" = load <8 x float>, <8 x float>* %".36"
  %".195" = getelementptr inbounds float, ptr %".185", i64 24
  store <8 x float> %".194", ptr %".195", align 4
  %".197" = add nsw i64 %".26", 1
  %".198" = icmp slt i64 %".197", 4
  br i1 %".198", label %"loop.1", label %"done.1"
}

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")

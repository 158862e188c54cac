; ModuleID = "pointwise"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"pointwise"(ptr %".1", i64 %".2", i64 %".3", ptr %".4") nounwind
{
entry:
  %".55" = alloca <8 x float>
  %".57" = alloca <8 x float>
  %".59" = alloca <8 x float>
  %".61" = alloca <8 x float>
  br label %"body"
body:
  %".7" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".8" = load ptr, ptr %".7"
  %".9" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".10" = load ptr, ptr %".9"
  %".11" = getelementptr inbounds ptr, ptr %".1", i64 2
  %".12" = load ptr, ptr %".11"
  %".13" = getelementptr inbounds ptr, ptr %".1", i64 3
  %".14" = load ptr, ptr %".13"
  %".15" = icmp eq i64 %".3", 1
  %".16" = mul nsw i64 %".3", 16
  %".17" = udiv i64 1, %".16"
  %".18" = add nsw i64 %".17", 1
  %".19" = select  i1 %".15", i64 1, i64 %".18"
  %".20" = icmp slt i64 0, %".3"
  br i1 %".20", label %"loop", label %"done"
loop:
  %".22" = phi  i64 [0, %"body"], [%".229", %"dealt"]
  %".23" = add nsw i64 %".2", %".22"
  %".24" = urem i64 %".23", %".3"
  %".25" = udiv i64 %".24", %".3"
  %".26" = add nsw i64 %".24", 1
  %".27" = udiv i64 %".26", %".3"
  %".28" = mul nsw i64 %".24", 128
  %".29" = getelementptr i8, ptr %".4", i64 %".28"
  br label %"test"
done:
  ret void
test:
  %".31" = load atomic i64, ptr %".29" monotonic, align 8
  %".32" = add nsw i64 %".25", %".31"
  %".33" = icmp slt i64 %".32", %".27"
  br i1 %".33", label %"claim", label %"dealt"
claim:
  %".35" = atomicrmw add ptr %".29", i64 %".19" monotonic
  %".36" = add nsw i64 %".25", %".35"
  %".37" = icmp slt i64 %".36", %".27"
  br i1 %".37", label %"piece", label %"dealt"
piece:
  %".39" = add nsw i64 %".36", %".19"
  %".40" = icmp slt i64 %".39", %".27"
  %".41" = select  i1 %".40", i64 %".39", i64 %".27"
  %".42" = icmp slt i64 %".36", %".41"
  br i1 %".42", label %"loop.1", label %"done.1"
dealt:
  %".229" = add nsw i64 %".22", 1
  %".230" = icmp slt i64 %".229", %".3"
  br i1 %".230", label %"loop", label %"done"
loop.1:
  %".44" = phi  i64 [%".36", %"piece"], [%".225", %"done.2"]
  %".45" = mul nsw i64 %".44", 128
  %".46" = getelementptr inbounds float, ptr %".8", i64 %".45"
  %".47" = getelementptr inbounds float, ptr %".46", i64 0
  %".48" = getelementptr inbounds float, ptr %".10", i64 0
  %".49" = getelementptr inbounds float, ptr %".12", i64 0
  br label %"loop.2"
done.1:
  br label %"test"
loop.2:
  %".51" = phi  i64 [0, %"loop.1"], [%".222", %"done.3"]
  %".52" = mul nsw i64 %".51", 32
  %".53" = getelementptr inbounds float, ptr %".47", i64 %".52"
  %".54" = load <8 x float>, ptr %".49", align 4
  store <8 x float> %".54", <8 x float>* %".55"
  store <8 x float> %".54", <8 x float>* %".57"
  store <8 x float> %".54", <8 x float>* %".59"
  store <8 x float> %".54", <8 x float>* %".61"
  %".63" = getelementptr inbounds float, ptr %".53", i64 0
  %".64" = getelementptr inbounds float, ptr %".48", i64 0
  %".65" = getelementptr inbounds float, ptr %".64", i64 0
  %".66" = getelementptr inbounds float, ptr %".63", i64 0
  %".67" = getelementptr inbounds float, ptr %".65", i64 0
  br label %"loop.3"
done.2:
  %".225" = add nsw i64 %".44", 1
  %".226" = icmp slt i64 %".225", %".41"
  br i1 %".226", label %"loop.1", label %"done.1"
loop.3:
  %".69" = phi  i64 [0, %"loop.2"], [%".204", %"loop.3"]
  %".70" = getelementptr inbounds float, ptr %".66", i64 %".69"
  %".71" = mul nsw i64 %".69", 8
  %".72" = getelementptr inbounds float, ptr %".67", i64 %".71"
  call void asm sideeffect "", "~{memory}"()
  %".74" = load <8 x float>, ptr %".72", align 4
  %".75" = load float, ptr %".70", align 4
  %".76" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".75", i32 0
  %".77" = shufflevector <8 x float> %".76", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".78" = load <8 x float>, <8 x float>* %".55"
  %".79" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".77", <8 x float> %".74", <8 x float> %".78")
  store <8 x float> %".79", <8 x float>* %".55"
  %".81" = getelementptr inbounds float, ptr %".70", i64 8
  %".82" = load float, ptr %".81", align 4
  %".83" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".82", i32 0
  %".84" = shufflevector <8 x float> %".83", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".85" = load <8 x float>, <8 x float>* %".57"
  %".86" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".84", <8 x float> %".74", <8 x float> %".85")
  store <8 x float> %".86", <8 x float>* %".57"
  %".88" = getelementptr inbounds float, ptr %".70", i64 16
  %".89" = load float, ptr %".88", align 4
  %".90" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".89", i32 0
  %".91" = shufflevector <8 x float> %".90", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".92" = load <8 x float>, <8 x float>* %".59"
  %".93" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".91", <8 x float> %".74", <8 x float> %".92")
  store <8 x float> %".93", <8 x float>* %".59"
  %".95" = getelementptr inbounds float, ptr %".70", i64 24
  %".96" = load float, ptr %".95", align 4
  %".97" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".96", i32 0
  %".98" = shufflevector <8 x float> %".97", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".99" = load <8 x float>, <8 x float>* %".61"
  %".100" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".98", <8 x float> %".74", <8 x float> %".99")
  store <8 x float> %".100", <8 x float>* %".61"
  %".102" = add nsw i64 %".69", 1
  %".103" = getelementptr inbounds float, ptr %".66", i64 %".102"
  %".104" = add nsw i64 %".69", 1
  %".105" = mul nsw i64 %".104", 8
  %".106" = getelementptr inbounds float, ptr %".67", i64 %".105"
  call void asm sideeffect "", "~{memory}"()
  %".108" = load <8 x float>, ptr %".106", align 4
  %".109" = load float, ptr %".103", align 4
  %".110" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".109", i32 0
  %".111" = shufflevector <8 x float> %".110", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".112" = load <8 x float>, <8 x float>* %".55"
  %".113" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".111", <8 x float> %".108", <8 x float> %".112")
  store <8 x float> %".113", <8 x float>* %".55"
  %".115" = getelementptr inbounds float, ptr %".103", i64 8
  %".116" = load float, ptr %".115", align 4
  %".117" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".116", i32 0
  %".118" = shufflevector <8 x float> %".117", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".119" = load <8 x float>, <8 x float>* %".57"
  %".120" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".118", <8 x float> %".108", <8 x float> %".119")
  store <8 x float> %".120", <8 x float>* %".57"
  %".122" = getelementptr inbounds float, ptr %".103", i64 16
  %".123" = load float, ptr %".122", align 4
  %".124" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".123", i32 0
  %".125" = shufflevector <8 x float> %".124", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".126" = load <8 x float>, <8 x float>* %".59"
  %".127" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".125", <8 x float> %".108", <8 x float> %".126")
  store <8 x float> %".127", <8 x float>* %".59"
  %".129" = getelementptr inbounds float, ptr %".103", i64 24
  %".130" = load float, ptr %".129", align 4
  %".131" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".130", i32 0
  %".132" = shufflevector <8 x float> %".131", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".133" = load <8 x float>, <8 x float>* %".61"
  %".134" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".132", <8 x float> %".108", <8 x float> %".133")
  store <8 x float> %".134", <8 x float>* %".61"
  %".136" = add nsw i64 %".69", 2
  %".137" = getelementptr inbounds float, ptr %".66", i64 %".136"
  %".138" = add nsw i64 %".69", 2
  %".139" = mul nsw i64 %".138", 8
  %".140" = getelementptr inbounds float, ptr %".67", i64 %".139"
  call void asm sideeffect "", "~{memory}"()
  %".142" = load <8 x float>, ptr %".140", align 4
  %".143" = load float, ptr %".137", align 4
  %".144" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".143", i32 0
  %".145" = shufflevector <8 x float> %".144", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".146" = load <8 x float>, <8 x float>* %".55"
  %".147" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".145", <8 x float> %".142", <8 x float> %".146")
  store <8 x float> %".147", <8 x float>* %".55"
  %".149" = getelementptr inbounds float, ptr %".137", i64 8
  %".150" = load float, ptr %".149", align 4
  %".151" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".150", i32 0
  %".152" = shufflevector <8 x float> %".151", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".153" = load <8 x float>, <8 x float>* %".57"
  %".154" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".152", <8 x float> %".142", <8 x float> %".153")
  store <8 x float> %".154", <8 x float>* %".57"
  %".156" = getelementptr inbounds float, ptr %".137", i64 16
  %".157" = load float, ptr %".156", align 4
  %".158" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".157", i32 0
  %".159" = shufflevector <8 x float> %".158", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".160" = load <8 x float>, <8 x float>* %".59"
  %".161" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".159", <8 x float> %".142", <8 x float> %".160")
  store <8 x float> %".161", <8 x float>* %".59"
  %".163" = getelementptr inbounds float, ptr %".137", i64 24
  %".164" = load float, ptr %".163", align 4
  %".165" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".164", i32 0
  %".166" = shufflevector <8 x float> %".165", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".167" = load <8 x float>, <8 x float>* %".61"
  %".168" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".166", <8 x float> %".142", <8 x float> %".167")
  store <8 x float> %".168", <8 x float>* %".61"
  %".170" = add nsw i64 %".69", 3
  %".171" = getelementptr inbounds float, ptr %".66", i64 %".170"
  %".172" = add nsw i64 %".69", 3
  %".173" = mul nsw i64 %".172", 8
  %".174" = getelementptr inbounds float, ptr %".67", i64 %".173"
  call void asm sideeffect "", "~{memory}"()
  %".176" = load <8 x float>, ptr %".174", align 4
  %".177" = load float, ptr %".171", align 4
  %".178" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".177", i32 0
  %".179" = shufflevector <8 x float> %".178", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".180" = load <8 x float>, <8 x float>* %".55"
  %".181" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".179", <8 x float> %".176", <8 x float> %".180")
  store <8 x float> %".181", <8 x float>* %".55"
  %".183" = getelementptr inbounds float, ptr %".171", i64 8
  %".184" = load float, ptr %".183", align 4
  %".185" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".184", i32 0
  %".186" = shufflevector <8 x float> %".185", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".187" = load <8 x float>, <8 x float>* %".57"
  %".188" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".186", <8 x float> %".176", <8 x float> %".187")
  store <8 x float> %".188", <8 x float>* %".57"
  %".190" = getelementptr inbounds float, ptr %".171", i64 16
  %".191" = load float, ptr %".190", align 4
  %".192" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".191", i32 0
  %".193" = shufflevector <8 x float> %".192", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".194" = load <8 x float>, <8 x float>* %".59"
  %".195" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".193", <8 x float> %".176", <8 x float> %".194")
  store <8 x float> %".195", <8 x float>* %".59"
  %".197" = getelementptr inbounds float, ptr %".171", i64 24
  %".198" = load float, ptr %".197", align 4
  %".199" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".198", i32 0
  %".200" = shufflevector <8 x float> %".199", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".201" = load <8 x float>, <8 x float>* %".61"
  %".202" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".200", <8 x float> %".176", <8 x float> %".201")
  store <8 x float> %".202", <8 x float>* %".61"
  %".204" = add nsw i64 %".69", 4
  %".205" = icmp slt i64 %".204", 8
  br i1 %".205", label %"loop.3", label %"done.3"
done.3:
  %".207" = mul nsw i64 %".44", 128
  %".208" = mul nsw i64 %".51", 32
  %".209" = add nsw i64 %".207", %".208"
  %".210" = getelementptr inbounds float, ptr %".14", i64 %".209"
  %".211" = load <8 x float>, <8 x float>* %".55"
  store <8 x float> %".211", ptr %".210", align 4
  %".213" = load <8 x float>, <8 x float>* %".57"
  %".214" = getelementptr inbounds float, ptr %".210", i64 8
  store <8 x float> %".213", ptr %".214", align 4
  %".216" = load <8 x float>, <8 x float>* %".59"
  %".217" = getelementptr inbounds float, ptr %".210", i64 16
  store <8 x float> %".216", ptr %".217", align 4
  %".219" = load <8 x float>, <8 x float>* %".61"
  %".220" = getelementptr inbounds float, ptr %".210", i64 24
  store <8 x float> %".219", ptr %".220", align 4
  %".222" = add nsw i64 %".51", 1
  %".223" = icmp slt i64 %".222", 4
  br i1 %".223", label %"loop.2", label %"done.2"
}

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")

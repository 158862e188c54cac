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
  %".22" = phi  i64 [0, %"body"], [%".442", %"dealt"]
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
  %".442" = add nsw i64 %".22", 1
  %".443" = icmp slt i64 %".442", %".3"
  br i1 %".443", label %"loop", label %"done"
loop.1:
  %".44" = phi  i64 [%".36", %"piece"], [%".438", %"done.2"]
  %".45" = mul nsw i64 %".44", 128
  %".46" = getelementptr inbounds float, ptr %".8", i64 %".45"
  %".47" = getelementptr inbounds float, ptr %".46", i64 0
  %".48" = getelementptr inbounds float, ptr %".10", i64 0
  %".49" = getelementptr inbounds float, ptr %".12", i64 0
  br label %"loop.2"
done.1:
  br label %"test"
loop.2:
  %".51" = phi  i64 [0, %"loop.1"], [%".435", %"loop.2"]
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
  %".68" = getelementptr inbounds float, ptr %".66", i64 0
  %".69" = getelementptr inbounds float, ptr %".67", i64 0
  %".70" = load <8 x float>, <8 x float>* %".55"
  %".71" = load <8 x float>, <8 x float>* %".57"
  %".72" = load <8 x float>, <8 x float>* %".59"
  %".73" = load <8 x float>, <8 x float>* %".61"
  %".74" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".70", <8 x float> %".71", <8 x float> %".72", <8 x float> %".73")
  %".75" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".74", 0
  store <8 x float> %".75", <8 x float>* %".55"
  %".77" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".74", 1
  store <8 x float> %".77", <8 x float>* %".57"
  %".79" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".74", 2
  store <8 x float> %".79", <8 x float>* %".59"
  %".81" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".74", 3
  store <8 x float> %".81", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".84" = load <8 x float>, ptr %".69", align 4
  %".85" = load float, ptr %".68", align 4
  %".86" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".85", i32 0
  %".87" = shufflevector <8 x float> %".86", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".88" = load <8 x float>, <8 x float>* %".55"
  %".89" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".87", <8 x float> %".84", <8 x float> %".88")
  store <8 x float> %".89", <8 x float>* %".55"
  %".91" = getelementptr inbounds float, ptr %".68", i64 8
  %".92" = load float, ptr %".91", align 4
  %".93" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".92", i32 0
  %".94" = shufflevector <8 x float> %".93", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".95" = load <8 x float>, <8 x float>* %".57"
  %".96" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".94", <8 x float> %".84", <8 x float> %".95")
  store <8 x float> %".96", <8 x float>* %".57"
  %".98" = getelementptr inbounds float, ptr %".68", i64 16
  %".99" = load float, ptr %".98", align 4
  %".100" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".99", i32 0
  %".101" = shufflevector <8 x float> %".100", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".102" = load <8 x float>, <8 x float>* %".59"
  %".103" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".101", <8 x float> %".84", <8 x float> %".102")
  store <8 x float> %".103", <8 x float>* %".59"
  %".105" = getelementptr inbounds float, ptr %".68", i64 24
  %".106" = load float, ptr %".105", align 4
  %".107" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".106", i32 0
  %".108" = shufflevector <8 x float> %".107", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".109" = load <8 x float>, <8 x float>* %".61"
  %".110" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".108", <8 x float> %".84", <8 x float> %".109")
  store <8 x float> %".110", <8 x float>* %".61"
  %".112" = getelementptr inbounds float, ptr %".66", i64 1
  %".113" = getelementptr inbounds float, ptr %".67", i64 8
  %".114" = load <8 x float>, <8 x float>* %".55"
  %".115" = load <8 x float>, <8 x float>* %".57"
  %".116" = load <8 x float>, <8 x float>* %".59"
  %".117" = load <8 x float>, <8 x float>* %".61"
  %".118" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".114", <8 x float> %".115", <8 x float> %".116", <8 x float> %".117")
  %".119" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".118", 0
  store <8 x float> %".119", <8 x float>* %".55"
  %".121" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".118", 1
  store <8 x float> %".121", <8 x float>* %".57"
  %".123" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".118", 2
  store <8 x float> %".123", <8 x float>* %".59"
  %".125" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".118", 3
  store <8 x float> %".125", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".128" = load <8 x float>, ptr %".113", align 4
  %".129" = load float, ptr %".112", align 4
  %".130" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".129", i32 0
  %".131" = shufflevector <8 x float> %".130", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".132" = load <8 x float>, <8 x float>* %".55"
  %".133" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".131", <8 x float> %".128", <8 x float> %".132")
  store <8 x float> %".133", <8 x float>* %".55"
  %".135" = getelementptr inbounds float, ptr %".112", i64 8
  %".136" = load float, ptr %".135", align 4
  %".137" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".136", i32 0
  %".138" = shufflevector <8 x float> %".137", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".139" = load <8 x float>, <8 x float>* %".57"
  %".140" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".138", <8 x float> %".128", <8 x float> %".139")
  store <8 x float> %".140", <8 x float>* %".57"
  %".142" = getelementptr inbounds float, ptr %".112", i64 16
  %".143" = load float, ptr %".142", align 4
  %".144" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".143", i32 0
  %".145" = shufflevector <8 x float> %".144", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".146" = load <8 x float>, <8 x float>* %".59"
  %".147" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".145", <8 x float> %".128", <8 x float> %".146")
  store <8 x float> %".147", <8 x float>* %".59"
  %".149" = getelementptr inbounds float, ptr %".112", i64 24
  %".150" = load float, ptr %".149", align 4
  %".151" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".150", i32 0
  %".152" = shufflevector <8 x float> %".151", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".153" = load <8 x float>, <8 x float>* %".61"
  %".154" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".152", <8 x float> %".128", <8 x float> %".153")
  store <8 x float> %".154", <8 x float>* %".61"
  %".156" = getelementptr inbounds float, ptr %".66", i64 2
  %".157" = getelementptr inbounds float, ptr %".67", i64 16
  %".158" = load <8 x float>, <8 x float>* %".55"
  %".159" = load <8 x float>, <8 x float>* %".57"
  %".160" = load <8 x float>, <8 x float>* %".59"
  %".161" = load <8 x float>, <8 x float>* %".61"
  %".162" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".158", <8 x float> %".159", <8 x float> %".160", <8 x float> %".161")
  %".163" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".162", 0
  store <8 x float> %".163", <8 x float>* %".55"
  %".165" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".162", 1
  store <8 x float> %".165", <8 x float>* %".57"
  %".167" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".162", 2
  store <8 x float> %".167", <8 x float>* %".59"
  %".169" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".162", 3
  store <8 x float> %".169", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".172" = load <8 x float>, ptr %".157", align 4
  %".173" = load float, ptr %".156", align 4
  %".174" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".173", i32 0
  %".175" = shufflevector <8 x float> %".174", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".176" = load <8 x float>, <8 x float>* %".55"
  %".177" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".175", <8 x float> %".172", <8 x float> %".176")
  store <8 x float> %".177", <8 x float>* %".55"
  %".179" = getelementptr inbounds float, ptr %".156", i64 8
  %".180" = load float, ptr %".179", align 4
  %".181" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".180", i32 0
  %".182" = shufflevector <8 x float> %".181", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".183" = load <8 x float>, <8 x float>* %".57"
  %".184" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".182", <8 x float> %".172", <8 x float> %".183")
  store <8 x float> %".184", <8 x float>* %".57"
  %".186" = getelementptr inbounds float, ptr %".156", i64 16
  %".187" = load float, ptr %".186", align 4
  %".188" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".187", i32 0
  %".189" = shufflevector <8 x float> %".188", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".190" = load <8 x float>, <8 x float>* %".59"
  %".191" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".189", <8 x float> %".172", <8 x float> %".190")
  store <8 x float> %".191", <8 x float>* %".59"
  %".193" = getelementptr inbounds float, ptr %".156", i64 24
  %".194" = load float, ptr %".193", align 4
  %".195" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".194", i32 0
  %".196" = shufflevector <8 x float> %".195", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".197" = load <8 x float>, <8 x float>* %".61"
  %".198" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".196", <8 x float> %".172", <8 x float> %".197")
  store <8 x float> %".198", <8 x float>* %".61"
  %".200" = getelementptr inbounds float, ptr %".66", i64 3
  %".201" = getelementptr inbounds float, ptr %".67", i64 24
  %".202" = load <8 x float>, <8 x float>* %".55"
  %".203" = load <8 x float>, <8 x float>* %".57"
  %".204" = load <8 x float>, <8 x float>* %".59"
  %".205" = load <8 x float>, <8 x float>* %".61"
  %".206" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".202", <8 x float> %".203", <8 x float> %".204", <8 x float> %".205")
  %".207" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".206", 0
  store <8 x float> %".207", <8 x float>* %".55"
  %".209" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".206", 1
  store <8 x float> %".209", <8 x float>* %".57"
  %".211" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".206", 2
  store <8 x float> %".211", <8 x float>* %".59"
  %".213" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".206", 3
  store <8 x float> %".213", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".216" = load <8 x float>, ptr %".201", align 4
  %".217" = load float, ptr %".200", align 4
  %".218" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".217", i32 0
  %".219" = shufflevector <8 x float> %".218", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".220" = load <8 x float>, <8 x float>* %".55"
  %".221" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".219", <8 x float> %".216", <8 x float> %".220")
  store <8 x float> %".221", <8 x float>* %".55"
  %".223" = getelementptr inbounds float, ptr %".200", i64 8
  %".224" = load float, ptr %".223", align 4
  %".225" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".224", i32 0
  %".226" = shufflevector <8 x float> %".225", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".227" = load <8 x float>, <8 x float>* %".57"
  %".228" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".226", <8 x float> %".216", <8 x float> %".227")
  store <8 x float> %".228", <8 x float>* %".57"
  %".230" = getelementptr inbounds float, ptr %".200", i64 16
  %".231" = load float, ptr %".230", align 4
  %".232" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".231", i32 0
  %".233" = shufflevector <8 x float> %".232", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".234" = load <8 x float>, <8 x float>* %".59"
  %".235" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".233", <8 x float> %".216", <8 x float> %".234")
  store <8 x float> %".235", <8 x float>* %".59"
  %".237" = getelementptr inbounds float, ptr %".200", i64 24
  %".238" = load float, ptr %".237", align 4
  %".239" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".238", i32 0
  %".240" = shufflevector <8 x float> %".239", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".241" = load <8 x float>, <8 x float>* %".61"
  %".242" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".240", <8 x float> %".216", <8 x float> %".241")
  store <8 x float> %".242", <8 x float>* %".61"
  %".244" = getelementptr inbounds float, ptr %".66", i64 4
  %".245" = getelementptr inbounds float, ptr %".67", i64 32
  %".246" = load <8 x float>, <8 x float>* %".55"
  %".247" = load <8 x float>, <8 x float>* %".57"
  %".248" = load <8 x float>, <8 x float>* %".59"
  %".249" = load <8 x float>, <8 x float>* %".61"
  %".250" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".246", <8 x float> %".247", <8 x float> %".248", <8 x float> %".249")
  %".251" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".250", 0
  store <8 x float> %".251", <8 x float>* %".55"
  %".253" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".250", 1
  store <8 x float> %".253", <8 x float>* %".57"
  %".255" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".250", 2
  store <8 x float> %".255", <8 x float>* %".59"
  %".257" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".250", 3
  store <8 x float> %".257", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".260" = load <8 x float>, ptr %".245", align 4
  %".261" = load float, ptr %".244", align 4
  %".262" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".261", i32 0
  %".263" = shufflevector <8 x float> %".262", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".264" = load <8 x float>, <8 x float>* %".55"
  %".265" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".263", <8 x float> %".260", <8 x float> %".264")
  store <8 x float> %".265", <8 x float>* %".55"
  %".267" = getelementptr inbounds float, ptr %".244", i64 8
  %".268" = load float, ptr %".267", align 4
  %".269" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".268", i32 0
  %".270" = shufflevector <8 x float> %".269", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".271" = load <8 x float>, <8 x float>* %".57"
  %".272" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".270", <8 x float> %".260", <8 x float> %".271")
  store <8 x float> %".272", <8 x float>* %".57"
  %".274" = getelementptr inbounds float, ptr %".244", i64 16
  %".275" = load float, ptr %".274", align 4
  %".276" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".275", i32 0
  %".277" = shufflevector <8 x float> %".276", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".278" = load <8 x float>, <8 x float>* %".59"
  %".279" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".277", <8 x float> %".260", <8 x float> %".278")
  store <8 x float> %".279", <8 x float>* %".59"
  %".281" = getelementptr inbounds float, ptr %".244", i64 24
  %".282" = load float, ptr %".281", align 4
  %".283" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".282", i32 0
  %".284" = shufflevector <8 x float> %".283", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".285" = load <8 x float>, <8 x float>* %".61"
  %".286" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".284", <8 x float> %".260", <8 x float> %".285")
  store <8 x float> %".286", <8 x float>* %".61"
  %".288" = getelementptr inbounds float, ptr %".66", i64 5
  %".289" = getelementptr inbounds float, ptr %".67", i64 40
  %".290" = load <8 x float>, <8 x float>* %".55"
  %".291" = load <8 x float>, <8 x float>* %".57"
  %".292" = load <8 x float>, <8 x float>* %".59"
  %".293" = load <8 x float>, <8 x float>* %".61"
  %".294" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".290", <8 x float> %".291", <8 x float> %".292", <8 x float> %".293")
  %".295" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".294", 0
  store <8 x float> %".295", <8 x float>* %".55"
  %".297" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".294", 1
  store <8 x float> %".297", <8 x float>* %".57"
  %".299" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".294", 2
  store <8 x float> %".299", <8 x float>* %".59"
  %".301" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".294", 3
  store <8 x float> %".301", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".304" = load <8 x float>, ptr %".289", align 4
  %".305" = load float, ptr %".288", align 4
  %".306" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".305", i32 0
  %".307" = shufflevector <8 x float> %".306", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".308" = load <8 x float>, <8 x float>* %".55"
  %".309" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".307", <8 x float> %".304", <8 x float> %".308")
  store <8 x float> %".309", <8 x float>* %".55"
  %".311" = getelementptr inbounds float, ptr %".288", i64 8
  %".312" = load float, ptr %".311", align 4
  %".313" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".312", i32 0
  %".314" = shufflevector <8 x float> %".313", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".315" = load <8 x float>, <8 x float>* %".57"
  %".316" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".314", <8 x float> %".304", <8 x float> %".315")
  store <8 x float> %".316", <8 x float>* %".57"
  %".318" = getelementptr inbounds float, ptr %".288", i64 16
  %".319" = load float, ptr %".318", align 4
  %".320" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".319", i32 0
  %".321" = shufflevector <8 x float> %".320", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".322" = load <8 x float>, <8 x float>* %".59"
  %".323" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".321", <8 x float> %".304", <8 x float> %".322")
  store <8 x float> %".323", <8 x float>* %".59"
  %".325" = getelementptr inbounds float, ptr %".288", i64 24
  %".326" = load float, ptr %".325", align 4
  %".327" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".326", i32 0
  %".328" = shufflevector <8 x float> %".327", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".329" = load <8 x float>, <8 x float>* %".61"
  %".330" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".328", <8 x float> %".304", <8 x float> %".329")
  store <8 x float> %".330", <8 x float>* %".61"
  %".332" = getelementptr inbounds float, ptr %".66", i64 6
  %".333" = getelementptr inbounds float, ptr %".67", i64 48
  %".334" = load <8 x float>, <8 x float>* %".55"
  %".335" = load <8 x float>, <8 x float>* %".57"
  %".336" = load <8 x float>, <8 x float>* %".59"
  %".337" = load <8 x float>, <8 x float>* %".61"
  %".338" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".334", <8 x float> %".335", <8 x float> %".336", <8 x float> %".337")
  %".339" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".338", 0
  store <8 x float> %".339", <8 x float>* %".55"
  %".341" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".338", 1
  store <8 x float> %".341", <8 x float>* %".57"
  %".343" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".338", 2
  store <8 x float> %".343", <8 x float>* %".59"
  %".345" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".338", 3
  store <8 x float> %".345", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".348" = load <8 x float>, ptr %".333", align 4
  %".349" = load float, ptr %".332", align 4
  %".350" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".349", i32 0
  %".351" = shufflevector <8 x float> %".350", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".352" = load <8 x float>, <8 x float>* %".55"
  %".353" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".351", <8 x float> %".348", <8 x float> %".352")
  store <8 x float> %".353", <8 x float>* %".55"
  %".355" = getelementptr inbounds float, ptr %".332", i64 8
  %".356" = load float, ptr %".355", align 4
  %".357" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".356", i32 0
  %".358" = shufflevector <8 x float> %".357", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".359" = load <8 x float>, <8 x float>* %".57"
  %".360" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".358", <8 x float> %".348", <8 x float> %".359")
  store <8 x float> %".360", <8 x float>* %".57"
  %".362" = getelementptr inbounds float, ptr %".332", i64 16
  %".363" = load float, ptr %".362", align 4
  %".364" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".363", i32 0
  %".365" = shufflevector <8 x float> %".364", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".366" = load <8 x float>, <8 x float>* %".59"
  %".367" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".365", <8 x float> %".348", <8 x float> %".366")
  store <8 x float> %".367", <8 x float>* %".59"
  %".369" = getelementptr inbounds float, ptr %".332", i64 24
  %".370" = load float, ptr %".369", align 4
  %".371" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".370", i32 0
  %".372" = shufflevector <8 x float> %".371", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".373" = load <8 x float>, <8 x float>* %".61"
  %".374" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".372", <8 x float> %".348", <8 x float> %".373")
  store <8 x float> %".374", <8 x float>* %".61"
  %".376" = getelementptr inbounds float, ptr %".66", i64 7
  %".377" = getelementptr inbounds float, ptr %".67", i64 56
  %".378" = load <8 x float>, <8 x float>* %".55"
  %".379" = load <8 x float>, <8 x float>* %".57"
  %".380" = load <8 x float>, <8 x float>* %".59"
  %".381" = load <8 x float>, <8 x float>* %".61"
  %".382" = call {<8 x float>, <8 x float>, <8 x float>, <8 x float>} asm sideeffect "", "=x,=x,=x,=x,0,1,2,3"(<8 x float> %".378", <8 x float> %".379", <8 x float> %".380", <8 x float> %".381")
  %".383" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".382", 0
  store <8 x float> %".383", <8 x float>* %".55"
  %".385" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".382", 1
  store <8 x float> %".385", <8 x float>* %".57"
  %".387" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".382", 2
  store <8 x float> %".387", <8 x float>* %".59"
  %".389" = extractvalue {<8 x float>, <8 x float>, <8 x float>, <8 x float>} %".382", 3
  store <8 x float> %".389", <8 x float>* %".61"
  call void asm sideeffect "", "~{memory}"()
  %".392" = load <8 x float>, ptr %".377", align 4
  %".393" = load float, ptr %".376", align 4
  %".394" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".393", i32 0
  %".395" = shufflevector <8 x float> %".394", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".396" = load <8 x float>, <8 x float>* %".55"
  %".397" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".395", <8 x float> %".392", <8 x float> %".396")
  store <8 x float> %".397", <8 x float>* %".55"
  %".399" = getelementptr inbounds float, ptr %".376", i64 8
  %".400" = load float, ptr %".399", align 4
  %".401" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".400", i32 0
  %".402" = shufflevector <8 x float> %".401", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".403" = load <8 x float>, <8 x float>* %".57"
  %".404" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".402", <8 x float> %".392", <8 x float> %".403")
  store <8 x float> %".404", <8 x float>* %".57"
  %".406" = getelementptr inbounds float, ptr %".376", i64 16
  %".407" = load float, ptr %".406", align 4
  %".408" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".407", i32 0
  %".409" = shufflevector <8 x float> %".408", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".410" = load <8 x float>, <8 x float>* %".59"
  %".411" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".409", <8 x float> %".392", <8 x float> %".410")
  store <8 x float> %".411", <8 x float>* %".59"
  %".413" = getelementptr inbounds float, ptr %".376", i64 24
  %".414" = load float, ptr %".413", align 4
  %".415" = insertelement <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, float %".414", i32 0
  %".416" = shufflevector <8 x float> %".415", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %".417" = load <8 x float>, <8 x float>* %".61"
  %".418" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".416", <8 x float> %".392", <8 x float> %".417")
  store <8 x float> %".418", <8 x float>* %".61"
  %".420" = mul nsw i64 %".44", 128
  %".421" = mul nsw i64 %".51", 32
  %".422" = add nsw i64 %".420", %".421"
  %".423" = getelementptr inbounds float, ptr %".14", i64 %".422"
  %".424" = load <8 x float>, <8 x float>* %".55"
  store <8 x float> %".424", ptr %".423", align 4
  %".426" = load <8 x float>, <8 x float>* %".57"
  %".427" = getelementptr inbounds float, ptr %".423", i64 8
  store <8 x float> %".426", ptr %".427", align 4
  %".429" = load <8 x float>, <8 x float>* %".59"
  %".430" = getelementptr inbounds float, ptr %".423", i64 16
  store <8 x float> %".429", ptr %".430", align 4
  %".432" = load <8 x float>, <8 x float>* %".61"
  %".433" = getelementptr inbounds float, ptr %".423", i64 24
  store <8 x float> %".432", ptr %".433", align 4
  %".435" = add nsw i64 %".51", 1
  %".436" = icmp slt i64 %".435", 4
  br i1 %".436", label %"loop.2", label %"done.2"
done.2:
  %".438" = add nsw i64 %".44", 1
  %".439" = icmp slt i64 %".438", %".41"
  br i1 %".439", label %"loop.1", label %"done.1"
}

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")

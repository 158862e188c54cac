; ModuleID = "depthwise"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"depthwise"(ptr %".1", i64 %".2", i64 %".3", ptr %".4") nounwind
{
entry:
  %".53" = alloca <8 x float>
  %".55" = alloca <8 x float>
  %".57" = alloca <8 x float>
  %".59" = alloca <8 x float>
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
  %".22" = phi  i64 [0, %"body"], [%".155", %"dealt"]
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
  %".155" = add nsw i64 %".22", 1
  %".156" = icmp slt i64 %".155", %".3"
  br i1 %".156", label %"loop", label %"done"
loop.1:
  %".44" = phi  i64 [%".36", %"piece"], [%".151", %"done.2"]
  %".45" = mul nsw i64 %".44", 288
  %".46" = getelementptr inbounds float, ptr %".8", i64 %".45"
  %".47" = getelementptr inbounds float, ptr %".46", i64 0
  %".48" = getelementptr inbounds float, ptr %".10", i64 0
  %".49" = getelementptr inbounds float, ptr %".12", i64 0
  br label %"loop.2"
done.1:
  br label %"test"
loop.2:
  %".51" = phi  i64 [0, %"loop.1"], [%".148", %"done.3"]
  %".52" = load <8 x float>, ptr %".49", align 4
  store <8 x float> %".52", <8 x float>* %".53"
  store <8 x float> %".52", <8 x float>* %".55"
  store <8 x float> %".52", <8 x float>* %".57"
  store <8 x float> %".52", <8 x float>* %".59"
  %".61" = getelementptr inbounds float, ptr %".48", i64 0
  br label %"loop.3"
done.2:
  %".151" = add nsw i64 %".44", 1
  %".152" = icmp slt i64 %".151", %".41"
  br i1 %".152", label %"loop.1", label %"done.1"
loop.3:
  %".63" = phi  i64 [0, %"loop.2"], [%".130", %"loop.3"]
  %".64" = add nsw i64 %".51", -1
  %".65" = add nsw i64 %".64", %".63"
  %".66" = getelementptr inbounds float, ptr %".47", i64 0
  %".67" = mul nsw i64 %".65", 48
  %".68" = add nsw i64 %".67", -8
  %".69" = getelementptr inbounds float, ptr %".66", i64 %".68"
  call void asm sideeffect "", "~{memory}"()
  %".71" = mul nsw i64 %".63", 3
  %".72" = mul nsw i64 %".71", 8
  %".73" = getelementptr inbounds float, ptr %".61", i64 %".72"
  %".74" = load <8 x float>, ptr %".73", align 4
  %".75" = add nsw i64 %".71", 1
  %".76" = mul nsw i64 %".75", 8
  %".77" = getelementptr inbounds float, ptr %".61", i64 %".76"
  %".78" = load <8 x float>, ptr %".77", align 4
  %".79" = add nsw i64 %".71", 2
  %".80" = mul nsw i64 %".79", 8
  %".81" = getelementptr inbounds float, ptr %".61", i64 %".80"
  %".82" = load <8 x float>, ptr %".81", align 4
  %".83" = load <8 x float>, ptr %".69", align 4
  %".84" = load <8 x float>, <8 x float>* %".53"
  %".85" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".83", <8 x float> %".74", <8 x float> %".84")
  store <8 x float> %".85", <8 x float>* %".53"
  %".87" = getelementptr inbounds float, ptr %".69", i64 8
  %".88" = load <8 x float>, ptr %".87", align 4
  %".89" = load <8 x float>, <8 x float>* %".53"
  %".90" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".88", <8 x float> %".78", <8 x float> %".89")
  store <8 x float> %".90", <8 x float>* %".53"
  %".92" = load <8 x float>, <8 x float>* %".55"
  %".93" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".88", <8 x float> %".74", <8 x float> %".92")
  store <8 x float> %".93", <8 x float>* %".55"
  %".95" = getelementptr inbounds float, ptr %".69", i64 16
  %".96" = load <8 x float>, ptr %".95", align 4
  %".97" = load <8 x float>, <8 x float>* %".53"
  %".98" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".96", <8 x float> %".82", <8 x float> %".97")
  store <8 x float> %".98", <8 x float>* %".53"
  %".100" = load <8 x float>, <8 x float>* %".55"
  %".101" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".96", <8 x float> %".78", <8 x float> %".100")
  store <8 x float> %".101", <8 x float>* %".55"
  %".103" = load <8 x float>, <8 x float>* %".57"
  %".104" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".96", <8 x float> %".74", <8 x float> %".103")
  store <8 x float> %".104", <8 x float>* %".57"
  %".106" = getelementptr inbounds float, ptr %".69", i64 24
  %".107" = load <8 x float>, ptr %".106", align 4
  %".108" = load <8 x float>, <8 x float>* %".55"
  %".109" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".107", <8 x float> %".82", <8 x float> %".108")
  store <8 x float> %".109", <8 x float>* %".55"
  %".111" = load <8 x float>, <8 x float>* %".57"
  %".112" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".107", <8 x float> %".78", <8 x float> %".111")
  store <8 x float> %".112", <8 x float>* %".57"
  %".114" = load <8 x float>, <8 x float>* %".59"
  %".115" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".107", <8 x float> %".74", <8 x float> %".114")
  store <8 x float> %".115", <8 x float>* %".59"
  %".117" = getelementptr inbounds float, ptr %".69", i64 32
  %".118" = load <8 x float>, ptr %".117", align 4
  %".119" = load <8 x float>, <8 x float>* %".57"
  %".120" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".118", <8 x float> %".82", <8 x float> %".119")
  store <8 x float> %".120", <8 x float>* %".57"
  %".122" = load <8 x float>, <8 x float>* %".59"
  %".123" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".118", <8 x float> %".78", <8 x float> %".122")
  store <8 x float> %".123", <8 x float>* %".59"
  %".125" = getelementptr inbounds float, ptr %".69", i64 40
  %".126" = load <8 x float>, ptr %".125", align 4
  %".127" = load <8 x float>, <8 x float>* %".59"
  %".128" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".126", <8 x float> %".82", <8 x float> %".127")
  store <8 x float> %".128", <8 x float>* %".59"
  %".130" = add nsw i64 %".63", 1
  %".131" = icmp slt i64 %".130", 3
  br i1 %".131", label %"loop.3", label %"done.3"
done.3:
  %".133" = mul nsw i64 %".44", 128
  %".134" = mul nsw i64 %".51", 32
  %".135" = add nsw i64 %".133", %".134"
  %".136" = getelementptr inbounds float, ptr %".14", i64 %".135"
  %".137" = load <8 x float>, <8 x float>* %".53"
  store <8 x float> %".137", ptr %".136", align 4
  %".139" = load <8 x float>, <8 x float>* %".55"
  %".140" = getelementptr inbounds float, ptr %".136", i64 8
  store <8 x float> %".139", ptr %".140", align 4
  %".142" = load <8 x float>, <8 x float>* %".57"
  %".143" = getelementptr inbounds float, ptr %".136", i64 16
  store <8 x float> %".142", ptr %".143", align 4
  %".145" = load <8 x float>, <8 x float>* %".59"
  %".146" = getelementptr inbounds float, ptr %".136", i64 24
  store <8 x float> %".145", ptr %".146", align 4
  %".148" = add nsw i64 %".51", 1
  %".149" = icmp slt i64 %".148", 4
  br i1 %".149", label %"loop.2", label %"done.2"
}

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")
